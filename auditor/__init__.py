"""auditor: would merging this deploy a container image that nobody we trust has signed?"""
