"""The lab: a private real Asterisk, SIPp as trunk and phones, and the simulated modem. Test bed of the tests, stage of the demo."""
