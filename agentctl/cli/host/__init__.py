"""The process and its host: streams, files, limits, terminal, systemd."""
