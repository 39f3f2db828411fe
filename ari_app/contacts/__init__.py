"""Reading contacts from where the clinic keeps them: files, databases, directories. Read only."""
