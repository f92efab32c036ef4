"""A server: servicers that decode a message, call a backend, and encode what it returns."""
