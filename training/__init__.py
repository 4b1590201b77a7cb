"""Training, evaluation and reports for `moderate`; scikit-learn lives here and only here."""
