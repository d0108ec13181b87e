"""Where bytes are kept: files, folders and addresses, read by byte range."""
