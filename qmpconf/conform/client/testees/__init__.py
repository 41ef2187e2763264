"""Clients of about ten lines that speak the testee protocol; nothing imports them."""
