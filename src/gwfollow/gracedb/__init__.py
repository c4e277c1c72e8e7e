"""GraceDB: the client."""
