"""Files shipped beside the code; packed as ``ari_app.config``."""
