# Table 2: a ticket of ImageNet on Cityscapes: the backbone is carried over, the neck comes from the
# target's own ticket, the classifier is new. With a new, dense neck: mmst transfer --new-neck.
_base_ = '../st_hrnas_cityscapes_p90.py'
retrain = dict(
    ticket='work_dirs/st_hrnas_imagenet_p90/ticket.pth', parts=['backbone'], epochs=50,
    neck_ticket='work_dirs/st_hrnas_cityscapes_p90/ticket.pth')
