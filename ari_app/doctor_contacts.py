"""What is wrong with contacts, for ``doctor``: the look at the clinic's own database, columns, what is filed."""
