"""Files and folders: written whole, locked, with literal names, read even if they are hostile."""
