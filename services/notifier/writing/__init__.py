"""Letters to customers' people: to whom they go, whether they may, and what stands in them."""
