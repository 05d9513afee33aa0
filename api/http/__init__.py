"""HTTP shared by all routes: authentication, rate limits, request bodies, pagination, files and problem documents."""
