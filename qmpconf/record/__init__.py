"""The recorder: a transparent proxy that writes down what passes (qmpconf/README.md, Promises)."""
