"""Super-resolution trained on the degradations of the camera, film or archive in front of you."""
