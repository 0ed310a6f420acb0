"""What runs the models in `benchmarks.model_speed`, each in a process of its own."""
