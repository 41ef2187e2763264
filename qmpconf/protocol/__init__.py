"""Bytes to messages to session state, and the register of requirements.

Pure: nothing here touches a socket, a file or a clock.
"""
