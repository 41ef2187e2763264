"""The cases of the server suite, one module for each part of the register.

A case is a function over a `Probe`; `qmpconf.conform.cases` says how it becomes one.  Cases assert
what the requirement says, never what only QEMU does where the register leaves a choice.
"""
