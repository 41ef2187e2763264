"""The recorder: a transparent proxy that writes down what passes (DESIGN.md section 9)."""
