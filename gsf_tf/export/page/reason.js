/** An error whose text is a sentence for the reader of the page. */
export class Reason extends Error {}
