"""What could be a reader: found, named, and noticed when it comes or goes."""
