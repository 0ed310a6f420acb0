"""The pure Keras form of each op: what compiled kernels are held to, and what runs elsewhere."""
