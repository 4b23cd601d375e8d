"""Officers' pages: one folder per task. Views ask ``app.read`` and ``app.write``; rules live below, words above."""
