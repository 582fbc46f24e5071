"""Shell completion: what the last word of a command line could become."""
