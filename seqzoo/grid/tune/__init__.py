"""What a sampler may choose and how it chooses; what the plan says of both."""
