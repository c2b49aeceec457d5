"""The channels. Each keeps one small protocol and passes one contract suite (`tests/contract/test_channels.py`)."""
