"""The command line: argv, environment, files and signals end here.

Below this package nothing reads the environment, argv or the standard streams.
"""
