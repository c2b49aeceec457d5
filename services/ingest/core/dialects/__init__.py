"""What other tools' clients send, dialect by dialect: pure functions from a body to records."""
