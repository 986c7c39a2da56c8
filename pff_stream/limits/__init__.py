"""What keeps a run to its plan: the fences of the kernel, and the guard that holds tasks back."""
