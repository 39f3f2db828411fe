"""What staff put into a client's file: a thread, a transcript or a voicemail, to a folder or a signed webhook."""
