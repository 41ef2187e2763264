"""The verbs of the conformance suite: ``conform`` for servers, ``conform-client`` for clients."""
