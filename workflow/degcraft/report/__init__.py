"""The page that tells what was found for an application and how its images were restored."""
