"""The HTTP service that receives webhooks (the edge): verifies the raw bytes and stores them before it answers 200."""
