"""What is wrong with voicemail, for ``doctor``: the spool, AMI, the engine that writes it down."""
