"""Documents: versioned texts of rules, put by people and by releases, in the schema `rules`.

`shelf` says what a version is, `store` keeps them, `in_force` reads those that count, `routes` is their HTTP door. The
service that owns a kind writes it; every service may read.
"""
