"""Parts of the anomaly detector, one concept a file; `anomaly_detector.AnomalyDetector` is the public class."""
