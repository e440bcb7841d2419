# Table 1: + retraining, 50 epochs more with the optimizer of the run above.
_base_ = './two_in_one_pp_irs.py'
retrain = dict(checkpoint='work_dirs/two_in_one_pp_irs/epoch_430.pth', epochs=50)
