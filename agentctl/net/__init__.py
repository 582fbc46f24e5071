"""HTTP/1.1: connections, proxies, TLS and bodies that any thread can free."""
