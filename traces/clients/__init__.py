"""The clients whose sessions are recorded: each a program that takes a socket's path."""
