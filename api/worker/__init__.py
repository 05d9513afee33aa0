"""The worker process: claims jobs, runs the engine, publishes segments, repairs what crashes left."""
