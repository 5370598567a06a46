"""`tillgate chaos`: whole stores in which everything goes wrong, seed by seed, and a judge over the books."""
