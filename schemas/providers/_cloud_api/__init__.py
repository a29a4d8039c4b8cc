"""_cloud_api."""
