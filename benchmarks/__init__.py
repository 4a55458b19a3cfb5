"""What a mixture costs beyond its models, measured beside what people would use instead: `make bench`."""
