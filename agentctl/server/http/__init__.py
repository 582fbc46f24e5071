"""The HTTP listener: requests, answers, and the streams' writer."""
