"""The command line: argv, environment, files and signals are read here and nowhere else.

Below this package nothing reads the environment, argv or the standard streams.
"""
