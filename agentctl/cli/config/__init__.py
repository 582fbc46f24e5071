"""Settings: flags, variables and the config file, and who said which."""
