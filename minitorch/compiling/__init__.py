"""mt.jit: recording functions with their handles, guarding and replaying them."""
