"""Send and receive SMS over a GSM modem: bytes, AT dialogue, PDU, joining of parts, and a simulator."""
