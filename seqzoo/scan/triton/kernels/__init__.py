"""What runs on the GPU: one file a kernel or a pair of them, beside the tiles that they share."""
