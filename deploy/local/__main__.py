"""`python -m deploy.local`: what `keepwell up` becomes."""

import sys

from deploy.local.stack import main

sys.exit(main())
