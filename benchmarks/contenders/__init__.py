"""What is measured, in this project's own environment: each module is one way of running a mixture."""
