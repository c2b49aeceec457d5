"""The doors of other tools' clients, which are taken as they are."""
