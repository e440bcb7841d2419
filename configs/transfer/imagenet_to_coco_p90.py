# Fig. 8: a ticket of ImageNet on COCO key points: the backbone is carried over, the neck comes from
# the target's own ticket, the classifier is new. With a new, dense neck: transfer.py --new-neck.
_base_ = '../st_hrnas_coco_p90.py'
retrain = dict(
    ticket='work_dirs/st_hrnas_imagenet_p90/ticket.pth', parts=['backbone'], epochs=210,
    neck_ticket='work_dirs/st_hrnas_coco_p90/ticket.pth')
