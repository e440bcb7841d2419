# Table 1: S+P (magnitude) with retraining, 50 epochs more with the optimizer of the run above.
_base_ = './sp.py'
retrain = dict(checkpoint='work_dirs/sp/epoch_430.pth', epochs=50)
