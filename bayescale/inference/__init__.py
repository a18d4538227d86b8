"""Point fits, the Laplace approximation, NUTS, and the verdict on them."""
